"""Drives the double of Juju with the official Python client, through each operation on secrets.

ENDPOINT, CA (a file), MODEL and PASSWORD say where and who; OTHER_CA is nobody's there. PIECES is the
endpoint of a controller that cuts its replies up, OLD that of one from before secrets could be changed,
MACAROON and MOVED those of controllers that let nobody in by password, or have the model no more; each
with its CA in CA_PIECES and so on. INJECT is the program whose `secret` is held against the client.
"""

import asyncio
import base64
import json
import os
import ssl
import subprocess
import tempfile
from pathlib import Path

from juju import jasyncio  # noqa: F401 - the package wants to be imported before its parts
from juju.client import client
from juju.client.connection import Connection
from juju.errors import JujuAPIError, JujuError, JujuNotSupportedError, JujuRedirectException
from juju.model import Model

MODEL = os.environ["MODEL"]
LONG = "x" * 5000


async def refused(error, text, call):
    try:
        await call
    except error as raised:
        assert text in str(raised), raised
        return raised
    raise AssertionError(f"no {error.__name__}")


async def connected(name, user="admin", password=None, ca=None):
    model = Model()
    ca = ca or os.environ["CA" if name == "ENDPOINT" else f"CA_{name}"]
    await model.connect(
        endpoint=os.environ[name],
        uuid=MODEL,
        username=user,
        password=password or os.environ["PASSWORD"],
        cacert=Path(ca).read_text(),
    )
    return model


async def content(model, **filter):
    """Of the only secret that there is so: its values by key."""
    [secret] = await model.list_secrets(filter=filter, show_secrets=True)
    return {key: base64.b64decode(value) for key, value in secret.value.data.items()}


async def all_of_admin(model, home):
    # A charm's is there from the start, of the name of one that is to come.
    [charms] = await model.list_secrets()
    assert (charms.label, charms.owner_tag) == ("my-apitoken", "application-x")
    uri = await model.add_secret(name="my-apitoken", data_args=["token=34ae35facd4"])
    file = home / "content.yaml"
    file.write_text("username: admin\npassword: p#w\n")
    text = home / "text"
    text.write_text("from a file\n")
    many = ["certificate#base64=AAECAw==", "password=a=b==", f"token#file={text}"]
    many_uri = await model.add_secret(name="many", data_args=many, info="two")
    await model.add_secret(name="from-file", data_args=[], file=str(file))
    await refused(JujuError, "already exists", model.add_secret(name="many", data_args=["token=again"]))
    await refused(JujuError, "empty secret value not valid", model.add_secret(name="empty", data_args=[]))

    listed = await model.list_secrets()
    assert sorted(secret.label for secret in listed) == ["from-file", "many", "my-apitoken", "my-apitoken"]
    listed = {secret.label: secret for secret in listed}
    many_listed = listed["many"]
    assert (many_listed.uri, many_listed.description, many_listed.latest_revision) == (many_uri, "two", 1)
    assert many_listed.owner_tag == f"model-{MODEL}" and many_listed.value is None
    assert await content(model, label="from-file") == {"username": b"admin", "password": b"p#w"}
    expected = {"certificate": b"\0\1\2\3", "password": b"a=b==", "token": b"from a file\n"}
    assert await content(model, label="many") == await content(model, uri=many_uri) == expected
    assert await content(model, uri=uri.removeprefix("secret:")) == {"token": b"34ae35facd4"}
    assert await model.list_secrets(filter={"label": "absent"}) == []
    assert await model.list_secrets(filter={"uri": "secret:cu9nqkbmp25c7a8sqo2g"}) == []
    await refused(JujuAPIError, "not valid", model.list_secrets(filter={"uri": "no/uri"}))

    await model.update_secret(name="my-apitoken", new_name="new-token")
    await model.update_secret(name="new-token", data_args=["token=v2"], new_name="new-token", info="i")
    await model.update_secret(name="new-token", data_args=["token=v2"], new_name="new-token")
    await refused(JujuError, "not found", model.update_secret("absent", data_args=["token=v3"]))
    await refused(JujuError, "already exists", model.update_secret("new-token", new_name="many"))
    [secret] = await model.list_secrets(filter={"label": "new-token"})
    assert [revision.revision for revision in secret.revisions] == [1, 2]
    assert (secret.latest_revision, secret.uri) == (2, uri)
    assert await content(model, label="new-token", revision=1) == {"token": b"34ae35facd4"}
    assert await content(model, label="new-token") == {"token": b"v2"}
    raised = await refused(JujuAPIError, "not found", content(model, label="new-token", revision=9))
    assert raised.error_code == "not found", raised.error_code

    await model.grant_secret("new-token", "ubuntu")
    [secret] = await model.list_secrets(filter={"label": "new-token"})
    assert [access.target_tag for access in secret.access] == ["application-ubuntu"]
    await model.revoke_secret("new-token", "ubuntu")
    await model.revoke_secret("new-token", "ubuntu")
    [secret] = await model.list_secrets(filter={"label": "new-token"})
    assert not secret.access
    await refused(JujuError, "cannot change access", model.grant_secret("new-token", "no-application"))
    await refused(JujuAPIError, "not found", model.grant_secret("absent", "ubuntu"))
    await refused(JujuAPIError, "not found", model.revoke_secret("absent", "ubuntu"))

    await model.update_secret(name="new-token", data_args=["token=v3"], new_name="new-token")
    await model.remove_secret("new-token", revision=2)
    [secret] = await model.list_secrets(filter={"label": "new-token"})
    assert [revision.revision for revision in secret.revisions] == [1, 3]
    await refused(JujuError, "revisions not found", model.remove_secret("new-token", revision=2))
    await model.remove_secret("new-token", revision=3)
    [secret] = await model.list_secrets(filter={"label": "new-token"}, show_secrets=True)
    assert secret.latest_revision == 3 and secret.value.error.code == "not found"
    await model.remove_secret("new-token")
    await refused(JujuError, "not found", model.remove_secret("new-token"))

    facade = client.SecretsFacade.from_connection(model.connection())
    await facade.UpdateSecrets([{"uri": many_uri, "auto-prune": True, "content": {"data": {"token": "djI="}}}])
    [secret] = await model.list_secrets(filter={"uri": many_uri})
    assert [revision.revision for revision in secret.revisions] == [2]
    await facade.GrantSecret(applications=["ubuntu", "mysql"], uri=many_uri)
    [secret] = await model.list_secrets(filter={"uri": many_uri})
    assert len(secret.access) == 2
    await refused(JujuAPIError, "must specify either", facade.GrantSecret(applications=["ubuntu"]))
    await refused(JujuError, "must specify either", facade.UpdateSecrets([{"description": "x"}]))
    await refused(JujuError, "at least one attribute", facade.UpdateSecrets([{"uri": many_uri}]))
    chosen = {"uri": many_uri, "content": {"data": {"token": "djI="}}}
    await refused(JujuError, "cannot be set", facade.CreateSecrets([chosen]))
    await facade.RemoveSecrets([{"uri": many_uri}])
    await model.remove_secret("from-file")


def inject(home, *arguments, value=b""):
    """What `inject secret` writes to standard output."""
    store = {
        "kind": "juju",
        "endpoints": [os.environ["ENDPOINT"]],
        "model": MODEL,
        "user": "admin",
        "password": {"env": "PASSWORD"},
        "ca_file": os.environ["CA"],
    }
    config = home / "inject.json"
    config.write_text(json.dumps({"stores": {"prod": store}}))
    command = [os.environ["INJECT"], "secret", "-c", str(config), *arguments]
    return subprocess.run(command, input=value, stdout=subprocess.PIPE, check=True).stdout


async def beside_inject(model, home):
    every = bytes(range(256))
    inject(home, "add", "ours", "--field", "token=@-", "--description", "by inject", value=every)
    [secret] = [secret for secret in await model.list_secrets() if secret.label == "ours"]
    assert (secret.description, secret.owner_tag) == ("by inject", f"model-{MODEL}")
    assert await content(model, label="ours") == {"token": every}
    inject(home, "update", "ours", "--field", "other=@-", value=b"v\n")
    assert await content(model, label="ours") == {"token": every, "other": b"v\n"}
    assert await content(model, label="ours", revision=1) == {"token": every}
    inject(home, "update", "ours", "--new-name", "renamed")
    inject(home, "grant", "renamed", "ubuntu", "mysql")
    inject(home, "revoke", "renamed", "mysql")
    [secret] = await model.list_secrets(filter={"label": "renamed"})
    assert (secret.description, secret.latest_revision) == ("by inject", 2)
    assert [access.target_tag for access in secret.access] == ["application-ubuntu"]
    inject(home, "rm", "renamed@1", "--yes")
    [secret] = await model.list_secrets(filter={"label": "renamed"})
    assert [revision.revision for revision in secret.revisions] == [2]
    inject(home, "rm", "renamed", "--yes")
    assert await model.list_secrets(filter={"label": "renamed"}) == []

    uri = await model.add_secret(name="theirs", data_args=["token=v1", "other=a=b=="], info="by the client")
    both = ["token=v2", "other=a=b=="]
    await model.update_secret(name="theirs", data_args=both, new_name="theirs", info="by the client")
    await model.grant_secret("theirs", "mysql")
    shown = json.loads(inject(home, "show", "theirs", "--json"))
    assert (shown["uri"], shown["description"], shown["revision"]) == (uri, "by the client", 2), shown
    assert [access["target-tag"] for access in shown["access"]] == ["application-mysql"]
    listed = json.loads(inject(home, "list", "--json"))
    assert [(secret["name"], secret["owner-tag"]) for secret in listed] == [
        ("theirs", f"model-{MODEL}"),
        ("my-apitoken", "application-x"),
    ]
    revisions = json.loads(inject(home, "history", "theirs", "--json"))
    assert [revision["revision"] for revision in revisions] == [2, 1]
    assert inject(home, "get", "theirs#token") == b"v2"
    assert inject(home, "get", "theirs#token@1") == b"v1"
    assert inject(home, "get", "theirs#other") == b"a=b=="
    await model.remove_secret("theirs")
    assert len(json.loads(inject(home, "list", "--json"))) == 1


async def others():
    reader = await connected("ENDPOINT", "reader")
    assert [secret.owner_tag for secret in await reader.list_secrets()] == ["application-x"]
    raised = await refused(JujuAPIError, "permission denied", reader.list_secrets(show_secrets=True))
    assert raised.error_code == "unauthorized access", raised.error_code
    await refused(JujuAPIError, "permission denied", reader.add_secret(name="x", data_args=["token=v"]))
    await refused(JujuError, "permission denied", reader.remove_secret("x"))
    await refused(JujuAPIError, "permission denied", reader.grant_secret("x", "ubuntu"))
    await reader.disconnect()
    writer = await connected("ENDPOINT", "writer@local")
    await writer.add_secret(name="x", data_args=["token=v"])
    await refused(JujuAPIError, "permission denied", writer.list_secrets(show_secrets=True))
    await writer.remove_secret("x")
    await writer.disconnect()
    wrong = connected("ENDPOINT", password="wrong")
    raised = await refused(JujuAPIError, "invalid entity name or password", wrong)
    assert raised.error_code == "unauthorized access", raised.error_code
    await refused(ssl.SSLCertVerificationError, "", connected("ENDPOINT", ca=os.environ["OTHER_CA"]))


async def in_pieces():
    model = await connected("PIECES")
    await model.add_secret(name="long", data_args=[f"token={LONG}"])
    assert await content(model, label="long") == {"token": LONG.encode()}
    await model.disconnect()


async def by_files(home):
    """As `juju` keeps its logins, found by the model's name."""
    controllers = {
        "uuid": "5f2a3c0d-9b1e-4c55-8a7e-6f1d2c3b4a5e",
        "api-endpoints": [os.environ["ENDPOINT"]],
        "ca-cert": Path(os.environ["CA"]).read_text(),
    }
    import yaml

    def write(name, content):
        (home / name).write_text(yaml.safe_dump(content))

    write("controllers.yaml", {"controllers": {"here": controllers}, "current-controller": "here"})
    account = {"user": "admin", "password": os.environ["PASSWORD"]}
    write("accounts.yaml", {"controllers": {"here": account}})
    write("models.yaml", {"controllers": {"here": {"models": {}, "current-model": "admin/demo"}}})
    (home / "cookies").mkdir()
    (home / "cookies/here.json").write_text("[]")
    os.environ["JUJU_DATA"] = str(home)
    model = Model()
    await model.connect("here:admin/demo")
    assert model.uuid == MODEL, model.uuid
    await model.disconnect()


async def ways_in():
    old = await connected("OLD")
    assert await old.list_secrets() == []
    await refused(JujuNotSupportedError, "user secrets", old.add_secret(name="x", data_args=["token=v"]))
    await old.disconnect()
    await refused(JujuRedirectException, "192.0.2.7", connected("MOVED"))
    connection = await Connection.connect(
        os.environ["MACAROON"], uuid=MODEL, cacert=Path(os.environ["CA_MACAROON"]).read_text()
    )
    listed = await client.SecretsFacade.from_connection(connection).ListSecrets(filter_={}, show_secrets=True)
    assert listed.results == [], listed.results
    await connection.close()


async def drive(home):
    model = await connected("ENDPOINT")
    await all_of_admin(model, home)
    await beside_inject(model, home)
    await model.disconnect()
    await others()
    await in_pieces()
    (home / "juju").mkdir()
    await by_files(home / "juju")
    await ways_in()


with tempfile.TemporaryDirectory() as home:
    # The client looks for cookies and keys there.
    os.environ["HOME"] = home
    (Path(home) / ".go-cookies").write_text("[]")
    asyncio.run(drive(Path(home)))
