"""Logging in by a class of one's own: for what gives tokens in a way of its own, such as the web
login of Amazon MWAA.

    # my_company/logins.py
    class MwaaLogin:
        def __init__(self, url: str, environment: str, region: str) -> None:
            ...

        def headers(self) -> dict[str, str]:
            return {"Authorization": f"Bearer {self._session_token()}"}

    # meta_orch.yaml
    login:
      type: custom
      login_class: my_company.logins:MwaaLogin
      options: {environment: prod, region: eu-central-1}
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from meta_orch.config.models import CustomLogin, EnvironmentReference, InstanceConfig, MissingSecret
from meta_orch.orchestrators.base import LoginRefused, OrchestratorError


class Login(Protocol):
    """What a class for `login_class` has, beside a constructor that takes the instance's `url` and
    the `options` by keyword. Threads may share one."""

    def headers(self) -> Mapping[str, str]:
        """What is sent with each request. It is asked for each time, so keep what took time to get
        for as long as it is good. Where the server refuses it, another object is made, once."""
        ...


class OwnLogin:
    """The object of one instance, made when it is first needed.

    Args:
        login: where its class is, and what it is made with.

    Raises:
        OrchestratorError: there is no such class.
    """

    def __init__(self, config: InstanceConfig, login: CustomLogin) -> None:
        self._instance = config.name
        self._url = config.url or ""
        self._login = login
        self._make = _find(config.name, login.login_class)
        self._object: Login | None = None
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """Raises `LoginRefused` where the class does."""
        with self._lock:
            try:
                if self._object is None:
                    self._object = self._make(url=self._url, **self._options())
                return dict(self._object.headers())
            except MissingSecret as error:
                raise LoginRefused(self._instance, str(error)) from None
            except Exception as error:  # noqa: BLE001  # whatever somebody else's class raises
                # Not its text, and not its chain: both may hold the secret.
                raise LoginRefused(
                    self._instance,
                    f"`login.login_class` {self._login.login_class} gave no login "
                    f"({type(error).__name__}): try it by itself",
                ) from None

    def renew(self) -> None:
        """The server refused the last headers: the next come from another object."""
        with self._lock:
            self._object = None

    def _options(self) -> dict[str, object]:
        return {
            name: value.read() if isinstance(value, EnvironmentReference) else value
            for name, value in self._login.options.items()
        }


def _find(instance: str, path: str) -> Callable[..., Login]:
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise OrchestratorError(
            instance, f"there is no {path} (`login.login_class`): {error}"
        ) from None
    if not callable(found) or not hasattr(found, "headers"):
        raise OrchestratorError(
            instance, f"{path} (`login.login_class`) is no class with a method `headers`"
        )
    return cast("Callable[..., Login]", found)
