"""An OpenAI-compatible server whose replies take as long as those of hosted LLMs.

    python benchmarks/llm_server.py --refuse 0.1      # prints its address, then serves

Reply times are lognormal and drawn from the prompt, so that every client waits the same for the
same question. Some requests are refused with 429 and `Retry-After: 1`, some take long; with
`--most`, all beyond so many at once are refused.
"""

import argparse
import asyncio
import json
import math
import random
from statistics import NormalDist
from zlib import crc32

MEDIAN, SIGMA = 0.4, 0.8


class Server:
    """Counts what it is asked, and answers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.chance = random.Random(0)
        self.at_work = 0
        self.counts = {"answered": 0, "refused": 0, "most_at_once": 0}

    def seconds(self, prompt: str) -> float:
        share = (crc32(prompt.encode()) % 999_983 + 0.5) / 999_983
        if share < self.options.stragglers:
            return self.options.straggler_seconds
        return MEDIAN * math.exp(SIGMA * NormalDist().inv_cdf(share))

    async def answer(self, body: bytes) -> tuple[int, dict]:
        if self.chance.random() < self.options.refuse or self.at_work >= self.options.most:
            self.counts["refused"] += 1
            return 429, {"error": {"message": "Slow down."}}
        self.at_work += 1
        self.counts["most_at_once"] = max(self.counts["most_at_once"], self.at_work)
        asked = json.loads(body)
        prompt = asked["messages"][-1]["content"]
        try:
            await asyncio.sleep(self.seconds(prompt))
        finally:
            self.at_work -= 1
        self.counts["answered"] += 1
        message = {
            "role": "assistant",
            "content": f"The answer to question {crc32(prompt.encode())}.",
        }
        return 200, {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 6, "total_tokens": 206},
        }

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET"):
                    status, reply = 200, self.counts
                else:
                    fields = dict(
                        line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2]
                    )
                    body = await reader.readexactly(int(fields["content-length"]))
                    status, reply = await self.answer(body)
                data = json.dumps(reply).encode()
                wait = "Retry-After: 1\r\n" if status == 429 else ""
                writer.write(
                    f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{wait}"
                    f"Content-Length: {len(data)}\r\n\r\n".encode()
                    + data
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0, backlog=1024)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
        await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refuse", type=float, default=0.0, help="share refused with 429")
    parser.add_argument("--stragglers", type=float, default=0.0, help="share that takes long")
    parser.add_argument("--straggler-seconds", type=float, default=20.0)
    parser.add_argument("--most", type=float, default=math.inf, help="requests taken at once")
    asyncio.run(Server(parser.parse_args()).serve())


if __name__ == "__main__":
    main()
