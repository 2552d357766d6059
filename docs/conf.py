"""Settings of the site that ``make book`` builds; nothing in it comes from outside."""

project = "VPC Flow Logs Workbook"
author = "The authors of the VPC Flow Logs Workbook"
extensions = ["myst_nb"]
html_theme = "pydata_sphinx_theme"
html_title = project
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_nav_level": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "footer_start": [],
    "footer_end": [],
}
exclude_patterns = ["**/.ipynb_checkpoints"]

nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # the answers of checks hold tables
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

myst_heading_slug_func = "helpers.commands.book.anchor"
myst_heading_anchors = 4
