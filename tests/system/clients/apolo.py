"""Drives the double of Apolo with apolo-sdk, through each operation of its secrets API.

API and TOKEN say where and who; OTHER_TOKEN is a user's who may nothing, PASSED_CONFIG what a job has.
With arguments it does one thing: `make KEY HEX`, `see KEY HEX`, which checks that it is so, `remove KEY`, or
`miss KEY`.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import apolo_sdk
from yarl import URL

VALUE = bytes(range(256))


async def refused(error, call):
    try:
        await call
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


async def keys(client):
    async with client.secrets.list(project_name="my-project") as listed:
        return [(secret.key, secret.owner, str(secret.uri)) async for secret in listed]


async def login(directory, token):
    factory = apolo_sdk.Factory(path=directory)
    await factory.login_with_token(token, url=URL(os.environ["API"]))
    return await factory.get()


async def listed_without_project(client):
    async with client.secrets.list() as listed:
        [secret async for secret in listed]


async def drive(home):
    client = await login(home / "alice", os.environ["TOKEN"])
    async with client:
        assert client.username == "alice", client.username
        assert (client.config.cluster_name, client.config.org_name) == ("default", "my-org")
        assert await keys(client) == []
        await client.secrets.add("KEY", b"first")
        await client.secrets.add("KEY", VALUE)
        assert await client.secrets.get("KEY") == VALUE
        assert await client.secrets.get("KEY", "default", "my-org", "my-project") == VALUE
        assert await keys(client) == [("KEY", "my-project", "secret://default/my-org/my-project/KEY")]
        await refused(apolo_sdk.IllegalArgumentError, client.secrets.add("a/b", b"x"))
        await refused(apolo_sdk.IllegalArgumentError, client.secrets.add("EMPTY", b""))
        await refused(apolo_sdk.IllegalArgumentError, client.secrets.get("a b"))
        await refused(apolo_sdk.IllegalArgumentError, listed_without_project(client))
        await refused(apolo_sdk.ResourceNotFound, client.secrets.get("absent"))
        await refused(apolo_sdk.AuthorizationError, client.secrets.get("KEY", project_name="other"))
        await client.secrets.add("KEPT", b"kept")
        await client.secrets.rm("KEY")
        await refused(apolo_sdk.ResourceNotFound, client.secrets.rm("KEY"))
    other = await login(home / "bob", os.environ["OTHER_TOKEN"])
    async with other:
        assert await keys(other) == []
        await refused(apolo_sdk.AuthorizationError, other.secrets.get("KEPT"))
        await refused(apolo_sdk.AuthorizationError, other.secrets.add("KEY", b"x"))
    await refused(apolo_sdk.AuthError, login(home / "nobody", "no-token"))
    factory = apolo_sdk.Factory(path=home / "job")
    await factory.login_with_passed_config(os.environ["PASSED_CONFIG"])
    async with await factory.get() as job:
        assert await job.secrets.get("KEPT") == b"kept"


async def do_one(home, what, key, value=""):
    async with await login(home / "alice", os.environ["TOKEN"]) as client:
        if what == "make":
            await client.secrets.add(key, bytes.fromhex(value))
        elif what == "see":
            assert await client.secrets.get(key) == bytes.fromhex(value)
            assert key in [listed for listed, _, _ in await keys(client)]
        elif what == "remove":
            await client.secrets.rm(key)
        elif what == "miss":
            await refused(apolo_sdk.ResourceNotFound, client.secrets.get(key))
        else:
            raise AssertionError(f"no such thing to do: {what}")


with tempfile.TemporaryDirectory() as home:
    asyncio.run(do_one(Path(home), *sys.argv[1:]) if sys.argv[1:] else drive(Path(home)))
