#!/usr/bin/env python3
"""runc without the limits of resources that podman asks for, which a container in a container may not raise."""

import json
import os
import sys
from pathlib import Path

arguments = sys.argv[1:]
for option, name, part in (("--bundle", "config.json", "process"), ("--process", "", "")):
    if option in arguments:
        file = Path(arguments[arguments.index(option) + 1], name)
        content = json.loads(file.read_text())
        (content[part] if part else content).pop("rlimits", None)
        file.write_text(json.dumps(content))
os.execvp("runc", ["runc", *arguments])
