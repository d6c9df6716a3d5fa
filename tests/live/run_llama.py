"""Run llama.cpp's HTTP server from the xllamacpp wheel: `python run_llama.py MODEL.gguf PORT [CONTEXT]`.

It runs until it is killed. If CONTEXT (in tokens) is given, four streams share it, and can overflow it.
"""

from __future__ import annotations

import signal
import sys

import xllamacpp

model, port, *context = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = model
params.model_alias = {"tiny"}
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.n_ctx = int(context[0]) if context else 65536
params.n_parallel = 4 if context else 2
params.kv_unified = bool(context)
params.cpuparams.n_threads = 1
params.use_jinja = True
params.warmup = False
params.offline = True
server = xllamacpp.Server(params)
signal.pause()
