"""Configuration of the service: settings, environment readers, database backend, middleware and logging."""
