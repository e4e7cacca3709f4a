"""What the plugin adds to the harness's own functions: refusals before the model is loaded, and hints about names."""
