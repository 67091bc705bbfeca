"""The pages of Settings > System, one module for each thing that a person does there."""
