"""New start minutes for pipelines that want one resource at once: a plan, and no more than that."""
