// SPDX-License-Identifier: MIT
// What node runs: the tests in this order.

import "./pages.mjs";
import "./screenshots.mjs";
