"""Who may do what: people by the policies of `opsctl env policy`, roles by the templates, and where logins are told."""
