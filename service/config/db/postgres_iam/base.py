"""Django's PostgreSQL backend with an IAM token as the password of each new connection."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from config.db.postgres_iam.tokens import TOKENS, Endpoint


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL whose password is made when a connection is opened, never stored in settings."""

    tokens = TOKENS

    def get_connection_params(self) -> dict[str, Any]:
        """Return libpq parameters without a password; `aws_region` is ours, not libpq's."""
        params: dict[str, Any] = super().get_connection_params()
        params.pop("aws_region", None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect with a token signed for this very host, port and user."""
        endpoint = Endpoint(
            host=str(self.settings_dict["HOST"]),
            port=int(self.settings_dict["PORT"]),
            user=str(self.settings_dict["USER"]),
            region=str(self.settings_dict["OPTIONS"]["aws_region"]),
        )
        return super().get_new_connection({**conn_params, "password": self.tokens.token(endpoint)})
