"""The pages of alerts, one module for each thing that a person does there."""
