"""All scalar functions, from the modules that build them."""

from helpers.insights.sql.function_table import FunctionTable
from helpers.insights.sql.functions_address import ADDRESS_FUNCTIONS
from helpers.insights.sql.functions_general import GENERAL_FUNCTIONS
from helpers.insights.sql.functions_number import NUMBER_FUNCTIONS
from helpers.insights.sql.functions_text import TEXT_FUNCTIONS
from helpers.insights.sql.functions_time import TIME_FUNCTIONS

FUNCTIONS = FunctionTable(GENERAL_FUNCTIONS | NUMBER_FUNCTIONS | TEXT_FUNCTIONS | TIME_FUNCTIONS | ADDRESS_FUNCTIONS)
