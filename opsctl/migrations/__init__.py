"""What a project's migrations do to its schema, read from their files: nothing of the project is run."""
