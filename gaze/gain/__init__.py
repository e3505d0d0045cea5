"""From head direction to gaze: the correction, fitted from marked points."""
