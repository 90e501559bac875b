"""Writing systems that put no spaces between words."""

import re

#: One character of Han, kana, Thai, Lao, Tibetan, Burmese, Khmer, Tai Le, New Tai Lue, Tai Tham,
#: Javanese or Tai Viet. Hangul is not among them: Korean puts spaces.
UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df"
    "\u1a20-\u1aaf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U000323af]"
)


def words(text: str) -> list[str]:
    """What stands between spaces; in scripts without spaces each character is one."""
    return UNSPACED.sub(lambda found: f" {found[0]} ", text).split()
