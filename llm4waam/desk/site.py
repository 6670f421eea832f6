"""How Gradio is asked to serve the page: which of its parts are on, and how the page looks."""

import contextlib
import io
import json
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from llm4waam.desk.study import PLOTS
from llm4waam.desk.table_tab import MAX_FILE_MB

FILES = Path(__file__).parent
THREADS = 40  # of requests that wait for each other's turn


def launch(page: gr.Blocks, host: str, port: int | None, guard: Middleware) -> str:
    """Serve the page, and the study's own pages under /plots; the address.

    Raises OSError where the port is taken.
    """
    script = (FILES / "desk.js").read_text(encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):  # it names addresses even where it is quiet
        app, url, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=True,
            max_threads=THREADS,
            max_file_size=f"{MAX_FILE_MB}mb",
            mcp_server=True,
            ssr_mode=False,
            pwa=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=["api"],
            strict_cors=True,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            css_paths=[FILES / "desk.css"],
            head=f"<script>{script}</script>",
            app_kwargs={"middleware": [guard]},
        )
    if PLOTS.is_dir():
        app.router.routes.insert(0, Mount("/plots", StaticFiles(directory=PLOTS, html=True)))
    _answer_in_json(page.mcp_server_obj)
    return url


def _answer_in_json(server: object) -> None:
    """Let assistants read JSON: Gradio would write an answer as Python does, with None and True."""
    plain = server.postprocess_output_data

    def in_json(data: list, root_url: str) -> list:
        texts = [json.dumps(one, ensure_ascii=False) if isinstance(one, dict | list) else one
                 for one in data]  # fmt: skip
        return plain(texts, root_url)

    server.postprocess_output_data = in_json
