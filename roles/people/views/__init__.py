"""The pages of Settings > Permissions, one module for each thing that a person does there."""
