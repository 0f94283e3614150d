"""Whether an environment is well, what runs in it, since when and by whom: read at once, told as one model."""
