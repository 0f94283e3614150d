"""Making an image of a checkout, with a container engine or without one, and running what was made."""
