"""A web seed (BEP 19) that does wrong, for interop cases: it serves a directory
in ranges and ends every other long body too soon, or spoils its first byte."""

import argparse
import http.server
import os
import re
import sys
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.unquote(self.path).lstrip("/")
        try:
            with open(os.path.join(self.server.root, path), "rb") as file:
                whole = file.read()
        except OSError:
            return self.send_error(404)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, len(whole) - 1)
        body = bytearray(whole[first : last + 1])
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.lies:
            body[0] ^= 1
        if self.server.truncate is not None and self.server.truncate < len(body):
            self.server.long += 1
            if self.server.long % 2 == 1:
                body = body[: self.server.truncate]
                self.close_connection = True
                print("ended before", first + len(body), file=sys.stderr, flush=True)
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, message, *values):
        print(message % values, self.headers.get("Range"), file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--listen", required=True, help="ADDR:PORT")
    parser.add_argument("--truncate", type=int, help="bytes of every other body that has more")
    parser.add_argument("--lies", action="store_true")
    args = parser.parse_args()
    host, port = args.listen.rsplit(":", 1)
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    server.root, server.truncate, server.lies = args.root, args.truncate, args.lies
    server.long = 0
    print("ready", flush=True)
    server.serve_forever()


main()
