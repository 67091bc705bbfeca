"""Channels for alerts in the story: set up with mistakes, tested, and told of runs that fail."""

from collections.abc import Iterable
from typing import Any

from django.test import Client
from django.urls import reverse

from exports.alerts.outbox import send_waiting
from exports.models import AlertChannel
from tests.servers.webhook import garbled, running_receiver

HOOK, SIGNING = "plantedHook7391", "plantedSigning7391plantedSigning7391"


def set_up_channels(environment: Any, admin: Client, text_of: Any) -> Iterable[str]:
    """Make one channel that works, one that answers nonsense and one that leads nowhere; yield what was answered."""
    with running_receiver() as receiver:
        address = f"{receiver.url}/{HOOK}"
        typed = {"name": "VisibleChannelName", "url": address, "signing": f"whsec_{SIGNING}", "kinds": ["failed"]}
        where = reverse("alerts:set_up", kwargs={"environment": environment.slug, "kind": "webhook"})
        for changes in ({"scope": ""}, {"signing": SIGNING}, {"url": f"https://x:{HOOK}@h/"}, {"url": f"ftp://{HOOK}"}):
            yield text_of(admin.post(where, typed | {"scope": "all"} | changes))
        for name, url in (("1", address), ("2", f"https://{HOOK}.invalid/"), ("3", f"https://10.1.2.3/{HOOK}")):
            yield text_of(admin.post(where, typed | {"scope": "all", "name": f"VisibleChannelName{name}", "url": url}))
        for behaves in (204, 404, garbled):
            receiver.behaves = [behaves]
            for channel in AlertChannel.objects.filter(environment=environment):
                test = reverse("alerts:test", kwargs={"environment": environment.slug, "pk": channel.pk})
                yield text_of(admin.post(test))
                if channel.name.endswith("1") or behaves == 204:
                    send_waiting()
                yield text_of(admin.get(test))
        yield text_of(admin.post(where, typed | {"scope": "all", "name": "VisibleLostChannel"}))
    AlertChannel.objects.filter(name="VisibleLostChannel").update(encrypted_secrets="gibberish")
