"""What the application requires, as packages for a Python: locked, built, fetched for the image or installed here."""
