//! Sixteen floats at a time, on every instruction set: kernels are written once over [`Lanes`] and compiled for each.
//!
//! ```text
//! portable.rs  plain Rust, on every processor
//! avx2.rs      AVX2 + FMA: two registers of 8
//! avx512.rs    AVX-512F: one register of 16
//! ```
//!
//! A kernel is a generic `#[inline(always)]` function; [`multiversion!`](super::multiversion) wraps it in one function
//! for each instruction set, whose `target_feature` the inlined body then inherits. Outside such a wrapper the vector
//! types would be passed through memory, which is slow but not wrong.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// Floats that a kernel works on at a time.
pub const LANES: usize = 16;

/// Sixteen f32.
///
/// # Safety
/// Every method needs the instruction set of its type; loads and stores need [`LANES`] readable or writable elements.
pub(crate) trait Lanes: Copy {
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Sixteen bytes as floats 0 to 255.
    unsafe fn load_bytes(from: *const u8) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * a + b`, rounded once or twice.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// `b - self * a`, rounded once or twice.
    unsafe fn neg_mul_add(self, a: Self, b: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// The larger; `other` where either is a NaN.
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// About `1 / sqrt(self)`, with a relative error below 2^-20.
    unsafe fn rsqrt(self) -> Self;
    /// A bit for every lane where `self >= other`; none where either is a NaN.
    unsafe fn ge(self, other: Self) -> u16;
    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
    /// Asks for the cache line at `address`, which may be any.
    unsafe fn prefetch(address: *const u8);
}

/// Defines `$name(isa, arguments)`, which runs `$kernel::<L>(arguments)` compiled for `isa`.
macro_rules! multiversion {
    ($(#[$doc:meta])* $vis:vis fn $name:ident = $kernel:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::distance::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: this function is only called on processors with AVX2 and FMA.
                unsafe { $kernel::<$crate::distance::simd::Avx2>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: this function is only called on processors with AVX-512 F, BW, VL and DQ.
                unsafe { $kernel::<$crate::distance::simd::Avx512>($($arg),*) }
            }
            match isa.checked() {
                // SAFETY: `checked` names an instruction set that this processor has.
                #[cfg(target_arch = "x86_64")]
                $crate::distance::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::distance::Isa::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: plain Rust runs everywhere.
                _ => unsafe { $kernel::<$crate::distance::simd::Portable>($($arg),*) },
            }
        }
    };
}
pub(crate) use multiversion;
