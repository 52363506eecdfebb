"""The book: README, CONTRIBUTING and every page below docs/, built by Sphinx without a network (`make docs`)."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

project = "aTES"
project_copyright = "UberPopug Inc"
extensions = ["myst_parser", "contents", "code_pages", "diagrams"]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "ates", "agents", "bench", "build", "schemas", "tables", "tests", "web", "docs/site"]

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["myst.header"]  # README's blocks between comments begin where they like

html_theme = "furo"
html_title = "aTES"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_extra_path: list[str] = []
html_theme_options = {"navigation_with_keys": True}
