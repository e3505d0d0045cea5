"""Errors about a session's files; each carries what was found, what was expected and the remedy."""

from __future__ import annotations

from calibration.errors import UserError


class SessionError(UserError):
    """A session folder that lacks something, or holds something that cannot be read."""


class ConfigError(SessionError):
    """session.toml says something unknown or impossible; names the key, the value, the remedy."""


class VideoError(SessionError):
    """A video that is missing, truncated or does not fit the other one."""


class RunError(SessionError):
    """A run folder of another version, or one that is not finished."""


class RunVersionError(RunError):
    """A run that another version of this program made."""
