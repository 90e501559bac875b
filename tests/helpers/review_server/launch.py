"""Runs the server in one process until its standard input closes; its own environment's Python.

`python launch.py PORT USERS`, where USERS is JSON: [[name, role, api_key, [workspaces]], ...].
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import threading

#: Database and unpacked web page; gone with the process.
HOME = tempfile.tempdir = tempfile.mkdtemp(prefix="argilla-")


def main(port: int, users: list[list]) -> None:
    """The database made, its users in it, the server."""
    import fakeredis
    import redis

    # Redis keeps the jobs for background workers, of which there are none here.
    redis.from_url = redis.Redis.from_url = fakeredis.FakeRedis.from_url
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    os.environ |= {
        "ARGILLA_HOME_PATH": HOME,
        "ARGILLA_SEARCH_ENGINE": "database",
        "HF_HUB_OFFLINE": "1",
    }
    import engine  # noqa: F401  (registers itself)
    import uvicorn
    from alembic import command
    from alembic.config import Config
    from argilla_server._app import app
    from argilla_server.database import ALEMBIC_CONFIG_FILE

    command.upgrade(Config(ALEMBIC_CONFIG_FILE), "head")
    asyncio.run(_create(users))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


async def _create(users: list[list]) -> None:
    from argilla_server.cli.database.users.utils import get_or_new_workspace
    from argilla_server.contexts import accounts
    from argilla_server.database import AsyncSessionLocal, async_engine
    from argilla_server.models import User

    async with AsyncSessionLocal() as session:
        for name, role, api_key, workspaces in users:
            await User.create(
                session,
                first_name=name,
                username=name,
                role=role,
                api_key=api_key,
                password_hash=accounts.hash_password(f"{name}-password"),
                workspaces=[await get_or_new_workspace(session, one) for one in workspaces],
            )
    await async_engine.dispose()


def _end_with_stdin() -> None:
    """The process that started this one holds the other end; it may be killed, this ends too."""
    sys.stdin.read()
    shutil.rmtree(HOME, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
