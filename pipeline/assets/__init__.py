"""The Dagster shell: assets, checks and resources. Thin: what an asset does lives in `pipeline.steps`."""
