"""`/docs`: one page about the HTTP interface and the socket. No script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any

from cti_server.api.messages import MESSAGES

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;
text-align:left;vertical-align:top}code{font:13px ui-monospace,monospace}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
"""The page's Content-Security-Policy."""


def page(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> str:
    """The page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>CTI server</title>",
        f"<style>{STYLE}</style><h1>CTI server {escape(openapi['info']['version'])}</h1>",
        "<p>For programs 供程序使用: <a href=/openapi.json>openapi.json</a>,",
        "<a href=/asyncapi.json>asyncapi.json</a>.",
        "<h2>HTTP 接口</h2>",
        _table(("Request 请求", "Does 作用", "Answers 应答"), _http_rows(openapi)),
        "<h2>Agent socket 座席接口</h2>",
        "<p><code>GET /ws</code>, subprotocol <code>cti.v1</code>, JSON-RPC 2.0.",
        _table(("Method 方法", "Does 作用", "Parameters 参数", "Roles 角色"), _method_rows(asyncapi)),
        "<h3>Notifications 通知</h3><p>",
        ", ".join(f"<code>{escape(name)}</code>" for name in _notifications(asyncapi)),
        "<h2>Error codes 错误码</h2>",
        _table(("Code", "English", "中文"), [(code, *texts) for code, texts in sorted(MESSAGES.items())]),
    ]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(cells, "td") for cells in rows) + "</table>"


def _http_rows(openapi: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"{verb.upper()} {path}", operation.get("summary", ""), ", ".join(operation["responses"]))
        for path, operations in openapi["paths"].items()
        for verb, operation in operations.items()
    ]


def _method_rows(asyncapi: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, operation in asyncapi["operations"].items():
        if operation["action"] != "receive":
            continue
        payload = asyncapi["channels"]["agent"]["messages"][name]["payload"]
        model = payload["properties"]["params"]["$ref"].rpartition("/")[2]
        schema = asyncapi["components"]["schemas"][model]
        needed = schema.get("required", [])
        fields = [f"{field}" if field in needed else f"[{field}]" for field in schema.get("properties", {})]
        rows.append((name, operation["summary"], ", ".join(fields), ", ".join(operation["x-roles"]) or "any"))
    return rows


def _notifications(asyncapi: dict[str, Any]) -> list[str]:
    operations = asyncapi["operations"].items()
    return [name.removeprefix("on.") for name, operation in operations if operation["action"] == "send"]
