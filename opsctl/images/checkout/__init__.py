"""The checkout that an image is made from: what git says of it, and which of its files are shipped."""
