// SPDX-License-Identifier: MIT
// The file that node runs: it has the tests in this order.

import "./pages.mjs";
import "./screenshots.mjs";
