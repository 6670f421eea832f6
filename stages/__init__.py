"""One script a stage of dvc.yaml; the library is llm4waam."""
