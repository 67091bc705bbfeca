"""What an SFTP connection asks an administrator for."""

from django import forms
from django.utils.translation import gettext_lazy

from connections.destinations.base import SettingsForm


class SftpForm(SettingsForm):
    """Server, account, folder, host key and the secret to log in with."""

    target_settings = ("host", "port", "username", "folder")
    server_settings = ("host", "port")

    host = forms.CharField(label=gettext_lazy("Server"), max_length=253)
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65535, initial=22)
    username = forms.CharField(label=gettext_lazy("User name"), max_length=120)
    folder = forms.CharField(label=gettext_lazy("Folder"), required=False, max_length=500)
    host_key = forms.CharField(required=False)
    password = forms.CharField(required=False)
    private_key = forms.CharField(required=False)
    passphrase = forms.CharField(required=False)
