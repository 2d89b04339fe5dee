"""Drives the double of Cloudify with cloudify-common's REST client, through its secrets calls.

PORT says where; OLD_PORT is a manager of 2017.
"""

import os

from cloudify_rest_client import CloudifyClient
from cloudify_rest_client.exceptions import (
    CloudifyClientError,
    ForbiddenError,
    UserUnauthorizedError,
)


def client(user=None, port="PORT", tenant="default_tenant", **options):
    if user:
        options.setdefault("password", f"{user}pw")
        options["username"] = user
    return CloudifyClient(host="127.0.0.1", port=int(os.environ[port]), tenant=tenant, **options)


def refused(status, code, call, *arguments, error=CloudifyClientError, **options):
    try:
        call(*arguments, **options)
    except error as refusal:
        assert (refusal.status_code, refusal.error_code) == (status, code), refusal
        return
    raise AssertionError(f"no {status}")


def changes(secrets):
    """The operations that every manager has, whatever its age."""
    assert secrets.list().items == []
    created = secrets.create("key1", "value1")
    assert (created.key, created.tenant_name, created["created_by"]) == ("key1", "default_tenant", "alice")
    assert secrets.get("key1").value == "value1"
    assert [secret.key for secret in secrets.list()] == ["key1"]
    assert "value" not in secrets.list()[0]
    refused(409, "conflict_error", secrets.create, "key1", "again")
    secrets.update("key1", "value2")
    changed = secrets.get("key1")
    assert changed.value == "value2" and changed.updated_at > changed.created_at
    secrets.delete("key1")
    refused(404, "not_found_error", secrets.get, "key1")
    refused(404, "not_found_error", secrets.delete, "key1")
    refused(400, "bad_parameters_error", secrets.create, "1key", "value")


def current(version):
    alice = client("alice", api_version=version)
    changes(alice.secrets)
    secrets, others = alice.secrets, client("bob", api_version=version).secrets
    secrets.create("typed", {"a": [1, "x"]}, schema={"type": "object"})
    assert secrets.get("typed").value == {"a": [1, "x"]}
    assert secrets.create("plain", "text").value != "text", "a change shows what is stored, not the value"
    secrets.create("plain", "text2", update_if_exists=True)
    assert secrets.get("plain").value == "text2"
    secrets.create("hidden", "unseen", is_hidden_value=True)
    assert secrets.get("hidden").value == "unseen" and others.get("hidden").value == ""
    refused(403, "forbidden_error", others.update, "hidden", "mine", error=ForbiddenError)
    secrets.create("own", "private", visibility="private")
    refused(404, "not_found_error", others.get, "own")
    assert secrets.set_visibility("own", "tenant")["visibility"] == "tenant"
    assert others.get("own").value == "private"
    refused(403, "forbidden_error", secrets.set_global, "own", error=ForbiddenError)
    client("admin", api_version=version).secrets.set_global("own")
    assert client("outsider", tenant="other", api_version=version).secrets.get("own").value == "private"
    listed = secrets.list(sort="key", is_descending=True, _size=2)
    assert [secret.key for secret in listed] == ["typed", "plain"] and listed.metadata.pagination.total == 4
    rule = {"key": "key", "values": ["plain"], "operator": "any_of", "type": "attribute"}
    assert [secret.key for secret in secrets.list(filter_rules=[rule])] == ["plain"]
    exported = secrets.export(_include=["key", "value"])
    assert {"key": "hidden", "value": "unseen"} in exported
    assert "hidden" not in [item["key"] for item in others.export()]
    sealed = secrets.export(_passphrase="passphrase", key="plain")
    secrets.delete("plain")
    done = secrets.import_secrets(sealed, passphrase="passphrase")
    assert done == {"colliding_secrets": {}, "secrets_errors": {}} and secrets.get("plain").value == "text2"

    token = alice.tokens.create(description="d")["value"]
    assert client(token=token, api_version=version).secrets.get("plain").value == "text2"
    bad = client("alice", password="wrong", api_version=version).secrets
    refused(401, "unauthorized_error", bad.get, "plain", error=UserUnauthorizedError)
    refused(401, "unauthorized_error", client(api_version=version).secrets.get, "plain", error=UserUnauthorizedError)
    foreign = client("alice", tenant="other", api_version=version).secrets
    refused(403, "forbidden_error", foreign.list, error=ForbiddenError)
    viewer = client("viewer", api_version=version).secrets
    assert viewer.get("plain").value == "text2"
    refused(403, "forbidden_error", viewer.create, "key", "value", error=ForbiddenError)
    admin = client("admin", api_version=version).secrets
    for key in ["typed", "plain", "hidden", "own"]:
        admin.delete(key)


current("v3.1")
current("v3")
changes(client("alice", port="OLD_PORT", api_version="v3").secrets)
