"""Runs the client tests, and writes how many passed: python run.py REPORT.json [NAME…]"""

import json
import os
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import support  # noqa: E402


class Counting(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


loader = unittest.TestLoader()
names = sys.argv[2:]
suite = loader.loadTestsFromNames(names) if names else loader.discover(here, "test_*.py")
try:
    result = unittest.TextTestRunner(verbosity=2, resultclass=Counting).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
finally:
    support.stop_shared()
with open(sys.argv[1], "w", encoding="utf-8") as report:
    json.dump({"passed": result.passed, "failed": failed, "skipped": len(result.skipped)}, report)
sys.exit(1 if failed else 0)
