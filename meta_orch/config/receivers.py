"""Who is told, and by what: `alerts.receivers`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from meta_orch.config.connecting import within
from meta_orch.config.values import Duration, InstanceName, Secret, Section, Url


class ReceiverSection(Section):
    """What all receivers have."""

    name: InstanceName
    """What routes call it."""
    send_resolved: bool = True
    """Whether it is told when all is well again."""
    at_most_per_minute: int = Field(default=30, ge=1)
    """More messages than that wait."""
    title_template: Path | None = None
    """A Jinja template for titles, in place of ours."""
    body_template: Path | None = None
    """A Jinja template for what follows."""
    give_up_after: Duration = timedelta(days=3)
    """How long a message is tried again that it does not take."""

    def within(self, folder: Path) -> Self:
        """The same with every relative path taken from `folder`."""
        return self.model_copy(
            update={
                key: within(folder, path)
                for key in ("title_template", "body_template", "path")
                if isinstance(path := getattr(self, key, None), Path)
            }
        )


class AppriseConfig(ReceiverSection):
    """Slack, Teams, e-mail and whatever else Apprise knows."""

    type: Literal["apprise"]
    """By Apprise."""
    urls: tuple[Secret, ...] = Field(min_length=1)
    """Apprise URLs, such as that of `mailto://`, each as `${NAME}`: they hold logins."""


class PagerDutyConfig(ReceiverSection):
    """A service of PagerDuty, by its Events API v2."""

    type: Literal["pagerduty"]
    """By PagerDuty."""
    routing_key: Secret
    """The integration's key."""
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    """Where its events go."""


class WebhookConfig(ReceiverSection):
    """A program of yours: JSON by POST, signed as Standard Webhooks has it."""

    type: Literal["webhook"]
    """By POST."""
    url: Secret | Url
    """Where to; as `${NAME}` where the URL is a secret."""
    secret: Secret | None = None
    """What it is signed with: `whsec_` and base64, or any text. Unsigned without it."""


class FileConfig(ReceiverSection):
    """A file, to which each message is added as a line of JSON."""

    type: Literal["file"]
    """Into a file."""
    path: Path
    """Which one."""


ReceiverConfig = Annotated[
    AppriseConfig | PagerDutyConfig | WebhookConfig | FileConfig, Field(discriminator="type")
]
