"""The contract tests as a table: `python tests/contract/table.py --write` puts it into the explanation.

Reads the marks from the source, so neither the engine nor pytest is needed.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "what-the-engine-does.md"
BEGIN, END = "<!-- table: begin (tests/contract/table.py --write) -->", "<!-- table: end -->"


def marks(source):
    """(number, says, leans, test name) of every contract test in a module, in order."""
    module = ast.parse(source)
    names = {
        target.id: ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
    }

    def text(node):
        if isinstance(node, ast.BinOp):
            return text(node.left) + text(node.right)
        return names[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)

    for node in module.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.contract":
                facts = {keyword.arg: text(keyword.value) for keyword in decorator.keywords}
                yield ast.literal_eval(decorator.args[0]), facts["says"], facts["leans"], node.name


def table():
    """The whole table as Markdown, one section a test module."""
    lines = []
    for path in sorted(
        HERE.glob("test_*.py"), key=lambda path: min(marks(path.read_text()), default=("C-000",))
    ):
        source = path.read_text()
        rows = sorted(marks(source))
        if not rows:
            continue
        lines += ["", f"### {ast.get_docstring(ast.parse(source))}", "", f"`tests/contract/{path.name}`", ""]
        lines += ["| | the engine | leans on it | test |", "|---|---|---|---|"]
        for number, says, leans, name in rows:
            cells = [cell.replace("|", "\\|") for cell in (number, says, leans, f"`{name}`")]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main():
    """Write or check the page; the exit code says whether it was up to date."""
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    fresh = f"{head}{BEGIN}\n{table()}\n{END}{tail}"
    if "--write" in sys.argv:
        PAGE.write_text(fresh)
        return 0
    return int(fresh != page)


if __name__ == "__main__":
    sys.exit(main())
