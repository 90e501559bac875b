"""Runs a function or a program in a process of its own, which has computed nothing yet.

A pipeline forks its workers. Where the parent has already computed with torch's or faiss's
threads, the forked ones may hang; a test session has, a user's script usually has not.
"""

import sys
from pathlib import Path

from helpers.fork_server import ForkServer

RAG4RAG = Path(sys.executable).with_name("rag4rag")

_SERVER = ForkServer()
fresh = _SERVER.call
run_program = _SERVER.run
start_program = _SERVER.start
programs_ready = _SERVER.ready
