"""Pure views: values in, what a template shows out. No template, no request, no store, no clock in here."""
