"""Pages of the manual that are made from the code: the commands, the components and the papers."""

from __future__ import annotations

from typing import Any

from bench.manual import pages


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to the site, in place of the notes that stand for them in the repository."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        old = files.get_file_from_path(name)
        if old is not None:
            files.remove(old)
        files.append(File.generated(config, name, content=text))
    return files
