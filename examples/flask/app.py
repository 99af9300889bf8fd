import signal
import sys

from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello, World!\n"


# The first process of a container has no default action for SIGTERM: without this it would wait to be killed.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))

if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8000)
