"""Cloudify's own client on a manager whose secrets `inject secret` manages too.

PORT says where; STEP is `make`, before it was there, or `check`, after; FILE is an export of inject's, and OWN one
that this client makes. Both are encrypted with `passphrase`.
"""

import json
import os

from cloudify_rest_client import CloudifyClient

OPTIONS = {"host": "127.0.0.1", "port": int(os.environ["PORT"]), "tenant": "default_tenant"}
secrets = CloudifyClient(username="alice", password="alicepw", **OPTIONS).secrets


def make():
    secrets.create("theirs", "käse\n", visibility="private")
    secrets.create("typed", {"a": [1, "x"]}, schema={"type": "object"})
    secrets.create("gone", "soon")


def check():
    assert secrets.get("theirs").value == "new\n" and secrets.get("theirs")["visibility"] == "tenant"
    assert secrets.get("typed").value == {"a": 2}
    ours = secrets.get("ours")
    assert (ours.value, ours["is_hidden_value"], ours["created_by"]) == ("päss\t\n", True, "alice")
    assert [secret.key for secret in secrets.list(sort="key")] == ["ours", "theirs", "typed"]
    with open(os.environ["FILE"], encoding="utf-8") as exported:
        exported = json.load(exported)
    assert all(item["encrypted"] for item in exported)
    for item in exported:
        secrets.delete(item["key"])
    done = secrets.import_secrets(exported, passphrase="passphrase")
    assert done == {"colliding_secrets": {}, "secrets_errors": {}}, done
    assert secrets.get("ours").value == "päss\t\n"
    sealed = secrets.export(_passphrase="passphrase", key="ours")
    secrets.delete("ours")
    with open(os.environ["OWN"], "w", encoding="utf-8") as own:
        json.dump(sealed, own)


{"make": make, "check": check}[os.environ["STEP"]]()
