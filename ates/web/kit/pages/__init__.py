"""Server-rendered pages and the parts of them: layout, forms, links, figures."""
