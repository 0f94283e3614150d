"""A Django project, read from its files to propose its configuration: what `opsctl init` does.

Nothing here imports or runs the project's code, and nothing knows of AWS: files go in, the text of `environments.yaml`
comes out, with where each part of it was found. What is read was written by strangers, so reading is bounded and never
fails for what a file holds.
"""
