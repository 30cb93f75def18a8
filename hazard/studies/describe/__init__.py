"""The descriptive tables and figures of the published report, from registers or any panel.

Tables 2-1 and 2-2 and the series behind Figures 2-1 to 2-14 of Oslo Economics (2016), and every
value that the report prints beside ours. What a panel cannot answer is skipped, with the reason.
"""

from hazard.studies.describe.describe import Description, describe, from_registers, from_table

__all__ = ["Description", "describe", "from_registers", "from_table"]
