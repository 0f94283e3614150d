"""The one layer that opsctl adds to every image: a hook for Django's applications, a start program, certificates.

It knows which files the layer has and what makes a process use them. It may not know how an image is built, what a
task definition looks like or what environments.yaml says; `files/` travels alone and never imports opsctl.
"""
