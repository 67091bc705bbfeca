"""The pages of Settings > Connections, one module for each thing that a person does there."""
