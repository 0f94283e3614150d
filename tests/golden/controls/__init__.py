"""The security controls as data: what each template must show, in which environment, and proof that the proof works."""
