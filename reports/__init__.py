"""Charts, the monthly report, its e-mail body: frames and figures in, text and pictures out."""
