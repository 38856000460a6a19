"""Charts, the monthly report, its e-mail body: frames and figures in, text and pictures out.

The modules, in reading order (each may import only those above it):

inputs       what a report is made from, and what it is made into
language     numbers, money, dates and sentences in the reader's language
facts        what a `summary.json` says, asked by name
peak_day     the day that set the bill, as plain numbers
days         every day's highest window, as plain numbers
months       up to twelve bills, as plain numbers
theme        colours with their meaning, the font, the Vega config
drawing      from an Altair chart to SVG and PNG
plot         scales, axes and labels all charts share
charts       the charts
wording      the answer in one sentence, and in a mail's subject
captions     titles, reading help and alt texts of the charts
view         tiles, bill lines, data tables
worth        what the saving came from, what lies ahead, the utility's bill beside ours
notes        how sure we are
templating   the Jinja2 environment
email_body   the e-mail as HTML and text
monthly      the monthly report
"""
