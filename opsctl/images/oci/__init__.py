"""Images on disk, as an OCI layout: their layers, what is inside them, and their way to a registry with a signature."""
